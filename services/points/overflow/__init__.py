"""Time above a person's cap flows over into the public pool of the home community, night by night."""
