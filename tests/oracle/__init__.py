"""Our decoder against tshark's, field by field, on the same captures."""
