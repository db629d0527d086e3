"""Trained models as folders of transformers, which load without any code of ours."""
