__title__ = "spacy-clintl"
__version__ = "0.1.0"
