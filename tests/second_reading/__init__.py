"""Reading pages a second time with the real engines of this machine."""
