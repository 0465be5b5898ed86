"""From a trained run to signed bundles: quantise, convert, compare with the original, seal.

`converters.convert.convert_run` is the whole way; nothing heavy is imported before it needs it, and TensorFlow only
ever in processes of their own (`converters.worker`).
"""
