"""Tools for developers: the local stack, bundles, pages made from the code, supply chain checks."""
