"""What a scenario file may say: what happens in the world, and nothing about where anything runs.

    name = "Couriers of Liechtenstein"
    seed = 1                  # everything that chance decides follows from it
    sample_hz = 1.0           # positions a second and driver, 0.1 to 10
    duration_s = 3600.0       # virtual seconds; without it the run is endless
    time_scale = 1.0          # virtual seconds per wall second, 0.01 to 1000

    [network]                 # either: routes between places of a road network
    extract = "liechtenstein" # a shipped one, or: file = "city.npz" or "city.osm.pbf", relative to the scenario
    routes = 400              # how many
    min_length_m = 500.0
    max_length_m = 30000.0

    [routes]                  # or: routes from files
    files = ["1.txt", "city.gpx"]
    ancestor = true           # and, or, the three routes that are shipped

    [route_weights]           # how often a route is chosen; those not named weigh 1
    "city-*" = 3.0

    [fleet]
    size = 300                # drivers
    pace_spread = 0.2         # drivers are up to a fifth slower than their vehicle
    [fleet.mix]               # shares of the vehicle classes, of any sum
    car = 3
    bicycle = 1

    [deliveries]
    mode = "continuous"       # a driver begins a next delivery, or "once"
    start_spread_s = 60.0     # first departures are spread over this time
    pause_s = [30.0, 120.0]   # a driver's rest between two deliveries

    [actors]
    drivers_per_actor = 500   # absent: follows the machine

For load there are, beside or instead of the fleet's size (`engine.scenario.load` says what each key means):

    payload_bytes = 500       # a record's least size; a plain one has some 320 bytes
    warm_up_s = 30.0          # the run's first seconds are left out of every verdict

    [[stages]]                # the fleet's size over time, and with it the run's duration
    name = "up"
    shape = "ramp"            # ramp, hold, spike or soak
    duration_s = 60.0
    drivers = 1000            # or: rate = 1000.0 positions a second

    [arrivals]                # deliveries beside those of the fleet
    process = "poisson"       # constant, poisson or histogram
    per_hour = 1200.0         # or: per_second

    [[sampling]]              # instead of sample_hz for all: shares of the drivers
    hz = 5.0
    share = 0.2

    [traces]                  # recorded drives, and drivers that are statistically like them
    files = ["ride.gpx"]
    clones = 100

    [[faults]]                # what is wrong with the data (`engine.scenario.faults`)
    kind = "late"             # lost, late, out_of_order, duplicated, malformed, tunnel, stuck, gps_drift
    rate = 0.01               # share of the positions
    delay_s = [1.0, 10.0]

    [[disturbances]]          # what a load test does to the system (`engine.scenario.disturbances`)
    kind = "kill_driver"      # kill_driver, kill_dispatcher, pause_consumers, reconnect_viewers
    at_s = 30.0

    [viewers]                 # simulated viewers of the live map (`engine.scenario.viewers`)
    count = 200
    stalled = 0.1             # share that stops reading, now and then; also slow, reconnecting

    [thresholds]              # what a load test must keep (`engine.scenario.thresholds`)
    e2e_p99_ms = 300          # latency from due, of any segment of the way
    lost = 0                  # positions

A file with a fault is refused before anything starts, and all its faults are listed. A scenario may be built in code as
well: the same checks, the same errors, the name of the argument in place of the line; `Scenario.to_toml` writes it as a
file.
"""
