"""Restyled copies of a labelled data set: every picture drawn again in other looks, its labels as they are.

A row is a `Pair` (data/pairing.py): a photograph and the file that labels it. `plan.py` says what is wanted; `copies.py`
makes the copies of one row, a pure function of the row; the loop over the rows, in `run.py`, is the only part that knows
where they are worked at. `looks.py` encodes and chooses the looks, `annotations.py` carries what else is known of a
picture, `page.py` shows examples.
"""
