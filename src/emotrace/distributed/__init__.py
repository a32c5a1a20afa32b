"""Work on several machines with Ray: bulk prediction and experiments. Needs the extra `ray`."""
