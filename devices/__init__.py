"""What kinds of device there are, and what one is given when it is set up: profiles, keys, configuration."""
