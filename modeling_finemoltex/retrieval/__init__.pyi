from .backends import BACKENDS as BACKENDS
from .backends import SearchBackend as SearchBackend
from .hits_page import render_hits_page as render_hits_page
from .index import MoleculeTextIndex as MoleculeTextIndex
from .index_facts import read_conditions as read_conditions
from .index_rows import Hit as Hit
from .reranking import PairReranker as PairReranker
