"""What is made for the chart from the contract, the operator's rules and values.yaml.
`python -m scripts.chart` writes or checks it."""
