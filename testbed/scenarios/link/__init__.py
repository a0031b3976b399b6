"""The link: wires, cards, frames and switches."""
