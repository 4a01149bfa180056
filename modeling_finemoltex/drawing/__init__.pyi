from .molecule_page import Card as Card
from .molecule_page import Section as Section
from .molecule_page import draw_molecule as draw_molecule
from .molecule_page import render_page as render_page
