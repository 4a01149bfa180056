from .embedding_folder import load_embeddings as load_embeddings
from .embedding_job import embed_file as embed_file
from .encoder import MoleculeTextEncoder as MoleculeTextEncoder
from .known_words import unknown_words as unknown_words
