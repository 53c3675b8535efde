"""The only composition root: concrete things are chosen and joined here and nowhere else."""
