"""What an operator of many devices wants of rollouts beyond waves: groups, windows, rates, dry runs, ways back."""
