"""What a person sees and does, in headless Chromium."""
