from .export_folder import ExportFacts as ExportFacts
from .export_folder import is_export_folder as is_export_folder
from .export_folder import read_export as read_export
from .onnx_encoder import OnnxMoleculeTextEncoder as OnnxMoleculeTextEncoder
from .opening import open_encoder as open_encoder
