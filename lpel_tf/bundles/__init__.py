"""Making bundles from photographs: embed, train, export, choose the threshold, write."""
