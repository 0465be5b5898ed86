"""The main job from end to end on one machine, told with parcels on a conveyor.

Every step is one of the commands a person would type, run in a process of its own; this package only draws the
parcels, starts and stops processes, and reads what they print.
"""
