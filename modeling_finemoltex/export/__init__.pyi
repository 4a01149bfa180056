from .export_job import export_model as export_model
