"""What type checkers and the reference see: the folder `processors/` of the checkout, under its name there."""

from processors import *
