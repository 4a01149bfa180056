"""Load `processors` through the façade, so that the tests can import its files by their installed names."""

from modeling_finemoltex import register

register()  # repeating it changes nothing; saved processors are found by class name only once they are registered
