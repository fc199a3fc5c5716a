"""What a user may ask for: a scenario file, checked once, and the wells that it stands for.

    load.load_scenario(path) -> Scenario        every error at once, as ScenarioError
    conditions.conditions_of(scenario)          every well or mouse that is run (adccsim.conditions)
    conditions.plan_of(scenario)                runs, cells, memory, time and file sizes before anything runs

Nothing is imported here: name the module you need.
"""
