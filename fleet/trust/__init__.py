"""The update repository's metadata, as The Update Framework lays it down (theupdateframework.github.io/specification).

Four documents say what devices may install. `root` names everybody's keys and `targets` lists files by digest: their
keys stay with people (`ceremony.py`, `offline.py`). `snapshot` and `timestamp` say what is current: the server signs
them with its own key (`notary.py`, `online.py`) and can therefore hold back, but never add. `checks.py` is what the
server demands of documents brought to it, `folder.py` how they lie on disk. The fleet room knows TUF nowhere else.
"""
