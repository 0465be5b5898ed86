"""Pictures that devices keep, shown to operators who ask for them."""
