"""Who belongs to the fleet: its own certificate authority, claim codes, renewal, revocation, and the broker's rules.

`authority.py` signs, `registrar.py` decides, `claims.py` and `ledger.py` keep the books, `api.py` is what devices and
people ask, `broker_rules.py` and `broker_files.py` are what mosquitto is told. The device's side is in `edge/`;
`contract/enrolment.py` is the wire.
"""
