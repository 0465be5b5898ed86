"""The vision process: cameras and models in a process of their own, under an agent that holds neither.

The agent keeps keys, slots, outbox and the broker, and must survive whatever a camera's driver or an inference library
does; it is also four times smaller without them. `messages.py` is what the two say to each other, `supervisor.py` the
agent's side, `child.py` and `work.py` the other.
"""
