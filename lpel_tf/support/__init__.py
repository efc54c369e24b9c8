"""What every room needs: errors, caches, a quiet TensorFlow."""
