"""The fleet's side: stores what devices say, carries releases to them, and shows both.

    MQTT ─link→ arrivals ─collector→ ingest ─→ store ─→ readings, statistics → api, page, metrics
    release ─→ repository ─planner→ rollouts ─conductor→ signed assignment ─link→ MQTT

Importing the room imports nothing: FastAPI, NiceGUI, SQLAlchemy and paho are met in the files that use them.
"""
