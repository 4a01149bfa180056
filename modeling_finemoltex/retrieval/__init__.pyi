from .hits_page import render_hits_page as render_hits_page
from .index import Hit as Hit
from .index import MoleculeTextIndex as MoleculeTextIndex
from .reranking import PairReranker as PairReranker
