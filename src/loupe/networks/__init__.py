"""From notation to trained network: layers, building, exporting their graphs."""
