"""What the demo feeds to the platform: 祁连社区's synthetic register and a year of its life."""
