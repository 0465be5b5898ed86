"""Many devices in few processes, to see what a fleet, a broker and a rollout bear before real devices do.

What a simulated device says and decides is the agent's: messages, topics, states, the flight of batches, the signature
of an assignment and the verdict on a new model come from `contract/`. Virtual is only what it sees and runs.
"""
