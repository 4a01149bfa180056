from .folders import build_model_card as build_model_card
from .folders import export_folder as export_folder
from .folders import list_eval_results as list_eval_results
from .names_dataset import export_names_dataset as export_names_dataset
from .publishing import describe_model as describe_model
from .publishing import list_pretrained as list_pretrained
from .publishing import push_folder as push_folder
