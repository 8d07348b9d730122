"""Run folders and the ledger of looks at test splits."""
