"""What runs the product outside of a demo."""
