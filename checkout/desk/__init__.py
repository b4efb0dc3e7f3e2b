"""What staff do with orders at the desk: each deed names what it will do and asks for a reason."""
