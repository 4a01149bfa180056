"""Pre-training: arguments, Trainer, text model and the steps of the main job."""
