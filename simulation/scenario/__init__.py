"""What a user may ask for: a scenario file, checked once, and the wells that it stands for.

    load.load_scenario(path) -> Scenario        every fault at once, as ScenarioError
    sweep.expand(scenario)   -> [Condition]     plain numbers, run ids and run keys
    plan.plan(conditions)    -> Plan            wells, cells, memory, time and file sizes before anything runs

Nothing is imported here: name the module you need.
"""
