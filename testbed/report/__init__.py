"""Reports: what a person, or another program, sees of a run. Pure functions from values to text.

ladder.py: the diagram as a value; build.py makes one of a recording. ladder_text.py, ladder_mermaid.py,
ladder_svg.py draw it. topology.py draws a lab. text.py, as_json.py, junit.py: verdicts.
"""
