"""The command line: a table of typed functions. Start reading at `main.py`."""
