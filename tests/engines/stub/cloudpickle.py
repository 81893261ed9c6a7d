def register_pickle_by_value(module): pass
