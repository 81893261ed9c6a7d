def years(pipeline_config, first):
    return [first, first + 1, first + 2]
