"""What is answered, by topic; find() knows them all."""
