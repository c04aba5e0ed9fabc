"""What documents may say: extension objects, checks of values, leniency, the cache of parsed documents."""
