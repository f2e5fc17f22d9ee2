"""The playground: a simulated cluster on a page, played event by event, with faults and ops by mouse.

    inputs      what people did, each a change of the trial's plan or ops
    timeline    one trial, played forward; what was seen at each event is kept
    view        a moment of it as JSON, for the page
    session     a trial, what people did to it, where they stand: pure
    server      HTTP on loopback
    page/       HTML, CSS, JavaScript, as they are served

There is one truth, the :class:`~harness.trial.Trial`: whatever is done by mouse becomes a window of its
plan or one of its ops, at a virtual time that is still to come. So a session needs no recording of its
own, going back is playing again, and what was made by hand is saved as any other run.
"""
