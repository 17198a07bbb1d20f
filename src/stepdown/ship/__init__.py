"""What leaves the house: the student in readable form."""
