"""Net settlement (净额结算) of the time bank between communities: earned here, spent there, settled once a month."""
