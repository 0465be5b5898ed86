"""What this device is, what is installed on it, what of it works, and what to mend: `edgeferry doctor`.

Every file here looks at one thing and answers with findings; `examine.py` asks them in turn.
"""
